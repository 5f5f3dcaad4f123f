/* Starts Swagger UI without resources of other sites: validatorUrl: null turns off the online
 * validator. */
"use strict";

/* The dark theme of Swagger UI is a class of the root element. */
const dark = matchMedia("(prefers-color-scheme: dark)");

function applyTheme() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

dark.addEventListener("change", applyTheme);
applyTheme();

/* Sets the language of the page to that of the document. */
fetch("/openapi.json", { method: "HEAD" }).then((response) => {
  document.documentElement.lang = response.headers.get("Content-Language") ?? "en";
  return response.text(); // browsers report a request whose body is not read as aborted
});

/* The page begins with the names of the groups of calls: with more than a hundred calls open,
 * Swagger UI stops rendering. */
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null,
});
