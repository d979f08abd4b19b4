// Loaded into pouchdb-server before it starts (node --require), to make it a better stand-in.
"use strict";

const http = require("node:http");
const vm = require("node:vm");

// Like Apache CouchDB 3, answer 401 to a request without credentials. Alone, pouchdb-server answers
// reads, and ends at the first `PUT /database`. It also knows no `/_up`.
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

// It makes a new global scope for each document that a view looks at, which is most of the time of
// building a view. One scope is enough for view functions, which are strict and so leave nothing
// in it. Node itself also calls this, with a scope of its own.
const scope = vm.createContext({});
const runInNewContext = vm.runInNewContext;
vm.runInNewContext = (code, ...more) =>
  more.length ? runInNewContext(code, ...more) : vm.runInContext(code, scope);
