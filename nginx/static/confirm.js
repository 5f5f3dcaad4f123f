/* Uses a token of one use: /confirm#TOKEN. Programs that open every link of a message, such as mail
 * scanners, must not use the token up. So the page sends it only when a person presses the button, and
 * the link has it in the fragment, which browsers send to no server. The texts are data attributes of
 * the page, which exists in each language. */
"use strict";

const form = document.getElementById("form");
const result = document.getElementById("result");

function show(outcome) {
  result.textContent = outcome ? result.dataset[outcome] : "";
}

/* Mail programs may percent-encode the colon. */
function readToken() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/* Hides the button while the token is being used. It comes back if no reply came, so that the person
 * can try again. */
async function useToken(token) {
  form.hidden = true;
  show();
  try {
    const response = await fetch("/app/valid", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    const { status } = await response.json();
    form.hidden = response.ok;
    show(response.ok ? (status ? "used" : "invalid") : "failed");
  } catch {
    form.hidden = false;
    show("failed");
  }
}

function start() {
  form.hidden = !readToken();
  show(form.hidden ? "invalid" : "");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(readToken());
});
addEventListener("hashchange", start);
start();
