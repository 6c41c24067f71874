// Swagger UI over the document that #swagger names. Where it names a sandbox too, calls go there until another server is chosen.
const swagger = document.querySelector("#swagger");

const ui = SwaggerUIBundle({
  url: swagger.dataset.openapi,
  dom_id: "#swagger",
  deepLinking: false,
  persistAuthorization: false,
  validatorUrl: null,
  syntaxHighlight: false,
  requestInterceptor: (request) => {
    if (swagger.dataset.sandbox && request.url.startsWith(swagger.dataset.sandbox)) {
      request.headers["x-csrftoken"] = swagger.dataset.csrf;
      delete request.headers.Authorization;
    }
    return request;
  },
  onComplete: () => {
    if (swagger.dataset.sandbox) ui.getSystem().oas3Actions.setSelectedServer(swagger.dataset.sandbox);
  },
});
