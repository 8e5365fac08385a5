/** The table as CSV: full values, nothing that a spreadsheet would run. */
import assert from "node:assert/strict";
import test from "node:test";

import { csvOf } from "epochal/csv.js";

const LIST = {
  id: ["a", "b"], name: ['=HYPERLINK("x")', "two, with comma"], tags: [["x", "y"], []], notes: ["a\nb", "-5"],
  columns: { "summary.loss": [0.1 + 0.2, "NaN"] }, config: { "config.lr": [-1e-5, null], "config.s": ["@x", "-rf"] },
};

test("rows come in the order of the table, with the full values", () => {
  const columns = ["tags", "notes", "summary.loss", "trend:loss", "config.lr", "config.s"].map((path) => ({ path }));
  assert.deepEqual(csvOf(LIST, [1, 0], columns).split("\r\n"), [
    "name,id,tags,notes,summary.loss,config.lr,config.s",
    '"two, with comma",b,,-5,NaN,,\'-rf',
    '"\'=HYPERLINK(""x"")",a,x; y,"a\nb",0.30000000000000004,-0.00001,\'@x',
    "",
  ]);
});
