/**
 * The filter language in a page without a server: what `epochal.read.filters` does, on data that
 * are in the page.
 */
import { moment } from "epochal/filter.js";
import { FUNCTIONS, calculate, isTrue, joined, OPERATIONS, test, unquoted } from "epochal/static_operators.js";

const ROOTS = new Set(
  "id name project group state tags notes config seed summary created duration_s git host steps".split(" "),
);
const TOKEN =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([\p{L}_][\p{L}\p{N}_]*)|(==|!=|<=|>=|[<>+\-*/()[\]{},.]))/uy;
const COMPARING = new Set(["==", "!=", "<", "<=", ">", ">=", "in", "not in"]);
const CONSTANTS = { True: true, False: false, None: null };

/** A filter that cannot be read; `at` is where. */
export class FilterError extends Error {
  /** @param {string} message @param {number} at */
  constructor(message, at) {
    super(message);
    this.at = at;
  }
}

/**
 * Reads an expression.
 * @param {string} text
 * @returns {(lookup: (path: string[]) => unknown) => boolean} says whether a run passes
 * @throws {FilterError}
 */
export function parse(text) {
  const parser = new Parser(text);
  const evaluate = parser.or();
  if (parser.kind !== "end") parser.fail(`${parser.text} is not expected here`);
  return (lookup) => isTrue(evaluate(lookup));
}

/** Recursive descent; each method returns a function of a lookup. */
class Parser {
  constructor(text) {
    this.source = text;
    this.after = 0;
    this.depth = 0;
    this.next();
  }

  next() {
    this.before = TOKEN.lastIndex = this.after;
    const found = TOKEN.exec(this.source);
    if (!found) {
      this.at = this.after + /^\s*/.exec(this.source.slice(this.after))[0].length;
      if (this.at < this.source.length) this.fail("this character is not allowed here");
      [this.kind, this.text] = ["end", "the end"];
      return;
    }
    const [, number, quoted, name, sign] = found;
    this.after = TOKEN.lastIndex;
    this.text = number ?? quoted ?? name ?? sign;
    this.at = this.after - this.text.length;
    this.kind = number !== undefined ? "number" : quoted ? "text" : name ? "name" : "sign";
  }

  is(text) {
    return this.text === text && (this.kind === "sign" || this.kind === "name");
  }

  take(text) {
    if (!this.is(text)) return false;
    this.next();
    return true;
  }

  need(text) {
    if (!this.take(text)) this.fail(`${text} is expected here`);
  }

  fail(message) {
    throw new FilterError(message, this.at);
  }

  or() {
    if (++this.depth > 50) this.fail("the filter is nested too deeply");
    const parts = [this.and()];
    while (this.take("or")) parts.push(this.and());
    this.depth--;
    return parts.length > 1 ? joined(parts, true) : parts[0];
  }

  and() {
    const parts = [this.not()];
    while (this.take("and")) parts.push(this.not());
    return parts.length > 1 ? joined(parts, false) : parts[0];
  }

  not() {
    if (!this.take("not")) return this.comparison();
    const operand = this.not();
    return (lookup) => !isTrue(operand(lookup));
  }

  comparison() {
    const operands = [this.operand()];
    const rest = [];
    for (let sign = this.comparing(); sign; sign = this.comparing()) {
      const tags = this.is("tags");
      operands.push(this.operand());
      rest.push([test(sign, tags), operands.at(-1)]);
    }
    if (!rest.length) return operands[0].evaluate;
    if (operands.some((each) => each.token === "created")) operands.forEach((each) => this.dated(each));
    return (lookup) => {
      let left = operands[0].evaluate(lookup);
      return rest.every(([compare, operand]) => {
        const right = operand.evaluate(lookup);
        const holds = compare(left, right);
        left = right;
        return holds;
      });
    };
  }

  /** What is compared; `token`: it is nothing but this. */
  operand() {
    const { kind, text, at } = this;
    const evaluate = this.sum();
    const alone = this.before === at + text.length;
    return { evaluate, at, kind: alone ? kind : null, token: alone ? text : null };
  }

  /** A date beside `created` counts as its unix seconds, and so does a year. */
  dated(operand) {
    const { kind, token, at } = operand;
    if (kind !== "text" && !(kind === "number" && /^[1-9]\d{3}$/.test(token))) return;
    const seconds = Number(moment(token) ?? NaN);
    if (Number.isNaN(seconds)) throw new FilterError('created is compared with a date such as "2026-03-01"', at);
    operand.evaluate = () => seconds;
  }

  comparing() {
    if (this.is("not")) {
      this.next();
      this.need("in");
      return "not in";
    }
    if (!COMPARING.has(this.text) || !(this.kind === "sign" || this.kind === "name")) return null;
    const sign = this.text;
    this.next();
    return sign;
  }

  sum() {
    let left = this.product();
    while (this.is("+") || this.is("-")) left = this.calculated(left, () => this.product());
    return left;
  }

  product() {
    let left = this.signed();
    while (this.is("*") || this.is("/")) left = this.calculated(left, () => this.signed());
    return left;
  }

  calculated(left, operand) {
    const operation = OPERATIONS[this.text];
    this.next();
    const right = operand();
    return (lookup) => calculate(operation, left(lookup), right(lookup));
  }

  signed() {
    const minus = this.is("-");
    if (!this.take("-") && !this.take("+")) return this.atom();
    const operand = this.signed();
    return (lookup) => calculate((_, b) => (minus ? -b : +b), 0, operand(lookup));
  }

  atom() {
    const { kind, text } = this;
    if (kind === "number" || kind === "text") {
      this.next();
      const value = kind === "number" ? Number(text) : unquoted(text);
      return () => value;
    }
    if (this.take("(")) return this.inBrackets(")");
    if (this.take("[")) return this.inBrackets("]");
    if (this.take("{")) return this.inBrackets("}");
    if (kind !== "name" || ["and", "or", "not", "in"].includes(text)) {
      this.fail(`a value is expected here, not ${text}`);
    }
    if (Object.hasOwn(CONSTANTS, text)) {
      this.next();
      return () => CONSTANTS[text];
    }
    return Object.hasOwn(FUNCTIONS, text) ? this.call(FUNCTIONS[text]) : this.path();
  }

  /** What stands between brackets: in round ones a single value is itself, all else a list. */
  inBrackets(end) {
    const items = [];
    let comma = false;
    while (!this.is(end)) {
      items.push(this.or());
      comma = this.take(",");
      if (!comma) break;
    }
    this.need(end);
    if (end === ")" && items.length === 1 && !comma) return items[0];
    return (lookup) => items.map((item) => item(lookup));
  }

  call([count, apply]) {
    const name = this.text;
    this.next();
    this.need("(");
    const given = [];
    const onTags = this.is("tags");
    while (!this.is(")")) {
      given.push(this.or());
      if (!this.take(",")) break;
    }
    this.need(")");
    if (given.length !== count) this.fail(`${name} takes ${count} values`);
    return (lookup) => apply(...given.map((each) => each(lookup)), onTags);
  }

  path() {
    if (!ROOTS.has(this.text)) this.fail(`unknown name ${this.text}; a text needs quotes`);
    const path = [this.text];
    this.next();
    for (;;) {
      if (this.take(".")) {
        if (this.kind !== "name") this.fail("a key is expected here");
        path.push(this.text);
        this.next();
      } else if (this.take("[")) {
        if (this.kind !== "text") this.fail("a key in brackets is a text in quotes");
        path.push(unquoted(this.text));
        this.next();
        this.need("]");
      } else return (lookup) => lookup(path);
    }
  }
}
