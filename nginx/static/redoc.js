/* Starts ReDoc with the fonts of the system, because its default fonts are on another site. */
"use strict";

/* Sets the language of the page to that of the document. */
fetch("/openapi.json", { method: "HEAD" }).then((response) => {
  document.documentElement.lang = response.headers.get("Content-Language") ?? "en";
  return response.text(); // browsers report a request whose body is not read as aborted
});

Redoc.init(
  "/openapi.json",
  {
    nativeScrollbars: true,
    theme: {
      typography: {
        fontFamily: "system-ui, sans-serif",
        headings: { fontFamily: "system-ui, sans-serif" },
      },
    },
  },
  document.getElementById("redoc"),
);
