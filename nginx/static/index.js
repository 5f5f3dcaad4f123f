/* The landing page shows the state of the service, and of what it depends on, as /health/ready has it.
 * The words are attributes of the page, which is there in each language. */
"use strict";

const PERIOD_MS = 15000;
const state = document.getElementById("state");
const list = document.getElementById("dependencies");

function show(status, dependencies) {
  if (state.className !== status) { // or readers aloud would say it again and again
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

/* 503 has the same body where the service itself answers; nginx's has no dependencies. */
async function look() {
  try {
    const response = await fetch("/health/ready", { headers: { Accept: "application/json" } });
    const { status, dependencies } = await response.json();
    show(dependencies ? status : "unreachable", dependencies ?? []);
  } catch {
    show("unreachable", []);
  }
}

look();
setInterval(() => document.hidden || look(), PERIOD_MS);
