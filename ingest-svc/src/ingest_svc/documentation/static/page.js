"use strict";
// Shows the API document that the page names, by Swagger UI or ReDoc, whichever the page brought.
(function () {
  const place = document.getElementById("document");
  const url = place.dataset.url;
  if (typeof SwaggerUIBundle === "function") {
    SwaggerUIBundle({
      url,
      domNode: place,
      deepLinking: true,
      docExpansion: "list",
      presets: [SwaggerUIBundle.presets.apis],
      layout: "BaseLayout",
      validatorUrl: null,
      persistAuthorization: false,
    });
  } else {
    // ReDoc makes style elements while it runs; this nonce lets the page's policy know them from others. It is not on the
    // element that ReDoc fills: ReDoc takes its options from there first, where browsers hide a nonce.
    Redoc.init(url, { nonce: document.currentScript.nonce, disableSearch: true, hideLoading: true }, place);
  }
})();
