/* ReDoc, with the system's fonts instead of those it would have from elsewhere. */
"use strict";

/* The page is in the language of the document that it shows. */
fetch("/openapi.json", { method: "HEAD" }).then((response) => {
  document.documentElement.lang = response.headers.get("Content-Language") ?? "en";
  return response.text(); // of nothing, but what nobody reads counts as aborted
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
