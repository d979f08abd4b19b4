// Loaded into pouchdb-server before it starts (node --require). Like Apache CouchDB 3, answer 401
// to a request without credentials; alone, pouchdb-server would answer reads and, once it has an
// administrator, end at the first `PUT /database` without credentials. It also knows no `/_up`.
"use strict";

const http = require("node:http");
const createServer = http.createServer;

function answer(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body) + "\n");
}

http.createServer = (application) =>
  createServer((request, response) => {
    const path = request.url.split("?", 1)[0];
    if (path === "/_up") {
      answer(response, 200, { status: "ok", seeds: {} });
    } else if (path !== "/" && !request.headers.authorization) {
      answer(response, 401, {
        error: "unauthorized",
        reason: "You are not authorized to access this db.",
      });
    } else {
      application(request, response);
    }
  });
