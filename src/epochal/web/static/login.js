/** The page where a link's token becomes a cookie. It stands alone: nothing else may be read yet. */

const problem = document.getElementById("problem");
const field = document.getElementById("token");

/**
 * The token and the view that a link holds; a text that is no link is a token itself.
 * @param {string} text
 * @returns {{token: string, view: string}}
 */
function linkOf(text) {
  const found = /#token=([^&]+)(?:&view=(.*))?$/.exec(text);
  if (!found) return { token: text.trim(), view: location.hash.startsWith("#/") ? location.hash : "#/" };
  const view = found[2] ? decodeURIComponent(found[2]) : "#/";
  return { token: decodeURIComponent(found[1]), view: view.startsWith("#/") ? view : "#/" };
}

async function enter(text) {
  const { token, view } = linkOf(text);
  history.replaceState(null, "", "#/"); // a token is not to stay in the address
  problem.textContent = "";
  try {
    const headers = { "Content-Type": "application/json", "X-Epochal": "1" };
    const answer = await fetch("/api/login", { method: "POST", headers, body: JSON.stringify({ token }) });
    if (answer.ok) {
      history.replaceState(null, "", `/${view}`);
      location.reload();
      return;
    }
    const said = await answer.json().catch(() => ({}));
    problem.textContent = said.error || `The server answered ${answer.status}.`;
  } catch {
    problem.textContent = "The server does not answer.";
  }
}

document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(field.value);
});

if (location.hash.startsWith("#token=")) enter(location.hash);
else field.focus();
