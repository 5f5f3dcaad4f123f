/* The landing page shows the state of the service and of its dependencies, as /health/ready returns
 * it. The texts are data attributes of the page, which exists in each language. */
"use strict";

const PERIOD_MS = 15000;
const state = document.getElementById("state");
const list = document.getElementById("dependencies");

function show(status, dependencies) {
  if (state.className !== status) { // otherwise screen readers would repeat it at each check
    state.textContent = state.dataset[status];
    state.className = status;
  }
  list.replaceChildren(...dependencies.map(({ name, state: condition }) => {
    const item = document.createElement("li");
    item.className = condition;
    item.textContent = `${list.dataset[name] ?? name}: ${list.dataset[condition] ?? condition}`;
    return item;
  }));
}

/* A 503 of the service has the same body; a 503 of nginx has no dependencies. */
async function checkState() {
  try {
    const response = await fetch("/health/ready", { headers: { Accept: "application/json" } });
    const { status, dependencies } = await response.json();
    show(dependencies ? status : "unreachable", dependencies ?? []);
  } catch {
    show("unreachable", []);
  }
}

checkState();
setInterval(() => document.hidden || checkState(), PERIOD_MS);
