/** The link that `epochal serve` prints ends in #token=…: it is exchanged for a cookie at once. */
import { postJSON } from "epochal/api.js";
import { notify } from "epochal/notices.js";

/**
 * Exchanges the token of the address, if it has one, and takes it out of the address.
 * @returns {Promise<void>}
 */
export async function arriveWithToken() {
  const found = /^#token=([^&]+)(?:&view=(.*))?$/.exec(location.hash);
  if (!found) return;
  const view = found[2] ? decodeURIComponent(found[2]) : "#/";
  history.replaceState(null, "", view.startsWith("#/") ? view : "#/");
  try {
    await postJSON("/api/login", { token: decodeURIComponent(found[1]) });
  } catch (error) {
    setTimeout(() => notify(error.message, "error"), 500); // once there is a page to say it on
  }
}
