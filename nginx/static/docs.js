/* Swagger UI, with nothing from elsewhere: not even the validator that it would ask by itself. */
"use strict";

/* Its styles know that it is dark by a class. */
const dark = matchMedia("(prefers-color-scheme: dark)");

function shade() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

dark.addEventListener("change", shade);
shade();

/* The page is in the language of the document that it shows. */
fetch("/openapi.json", { method: "HEAD" }).then((response) => {
  document.documentElement.lang = response.headers.get("Content-Language") ?? "en";
  return response.text(); // of nothing, but what nobody reads counts as aborted
});

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null,
});
