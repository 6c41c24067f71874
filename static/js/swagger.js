// Swagger UI over the document that #swagger names.
SwaggerUIBundle({
  url: document.querySelector("#swagger").dataset.openapi,
  dom_id: "#swagger",
  deepLinking: false,
  persistAuthorization: false,
  validatorUrl: null,
  syntaxHighlight: false,
});
