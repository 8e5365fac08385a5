/** What the charts of a wall tell each other: where the cursor is, and what range is panned to. */

/** Charts with the same x share one. */
export class Bus {
  constructor() {
    this.listeners = new Set();
    this.x = null;
  }

  /**
   * Call a function with each message.
   * @param {(message: {kind: "cursor"|"range", x?: number|null, range?: [number, number], from: any}) => void} listener
   * @returns {() => void} ends it
   */
  on(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Put everybody's cursor at an x, or away. @param {number|null} x @param {any} from */
  cursor(x, from) {
    this.x = x;
    this.tell({ kind: "cursor", x, from });
  }

  /** Show a range at once, before the URL has it. @param {[number, number]} range @param {any} from */
  preview(range, from) {
    this.tell({ kind: "range", range, from });
  }

  tell(message) {
    for (const listener of [...this.listeners]) listener(message);
  }
}
