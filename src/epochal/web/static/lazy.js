/** Components whose files are loaded when they are first shown. */
import { html, useLayoutEffect, useState } from "epochal/html.js";

/**
 * A component that stands for one of a module that is not loaded yet; nothing is shown until it is.
 * @param {() => Promise<object>} load such as () => import("epochal/help.js")
 * @param {string} name of the component in that module
 * @returns {Function}
 */
export function lazy(load, name) {
  let component = null;
  return function Lazy(props) {
    const [{ error }, setState] = useState({ error: null });
    useLayoutEffect(() => {
      let wanted = true;
      const take = (module) => {
        component = module[name];
        if (wanted) setState({ error: null });
      };
      if (!component) load().then(take, (failure) => wanted && setState({ error: failure }));
      return () => (wanted = false);
    }, []);
    if (error) throw error; // the boundary of the page shows it
    return component && html`<${component} ...${props} />`;
  };
}
