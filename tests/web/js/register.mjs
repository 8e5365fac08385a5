/** What the import map of the page is in a browser: bare names become files. */
import { register } from "node:module";

register("./resolve.mjs", import.meta.url);
