/* ReDoc, with the system's fonts instead of those it would have from elsewhere. */
"use strict";

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
