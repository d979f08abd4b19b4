// The worker that is looked at: the real binary on real servers, behind a relay that can be cut.

import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** The account of `deploy/example`. */
export const EXAMPLE = {
  account: "c1d0f3a8b27e4c65913d0ae84f5b6d21",
  reception: "2f8e1c4b7a9d4063b5c2e8f10a6d7394",
  lobby: "9b04d7e3c15f48a2867de0b9f2a1c563",
};

const needed = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; deploy/console-test sets it`);
  return value;
};

const BINARY = needed("KAZOO_TEST_WORKER");
const AMQP = needed("KAZOO_TEST_AMQP_URI");
const COUCHDB = needed("KAZOO_TEST_COUCHDB_URI");

// A setting of the developer's must not reach the worker.
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("KAZOO_")),
);

async function listening(server, port = 0) {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

/** A port that nobody listens on now. */
async function freePort() {
  const server = net.createServer();
  const port = await listening(server);
  server.close();
  await once(server, "close");
  return port;
}

/** Between the worker and its broker. */
export class Relay {
  #sockets = new Set();

  static async open() {
    const relay = new Relay();
    await relay.mend();
    return relay;
  }

  async mend() {
    const target = new URL(AMQP);
    this.server = net.createServer((near) => {
      const far = net.connect(Number(target.port || 5672), target.hostname);
      for (const [socket, other] of [[near, far], [far, near]]) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    this.port = await listening(this.server, this.port);
  }

  cut() {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  get uri() {
    const uri = new URL(AMQP);
    uri.hostname = "127.0.0.1";
    uri.port = String(this.port);
    return uri.href;
  }
}

export class Worker {
  constructor(relay) {
    this.relay = relay;
  }

  async start() {
    this.port ??= await freePort();
    this.address = `http://127.0.0.1:${this.port}/`;
    this.said = "";
    const options = ["--amqp-uri", this.relay.uri, "--couchdb-uri", COUCHDB, "--config", "/dev/null"];
    const own = ["--listen", `127.0.0.1:${this.port}`, "--node", "console_test@test.example.com"];
    this.process = spawn(BINARY, ["run", ...options, ...own], { env: environment });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on("data", (text) => (this.said += text));
    }
    const until = Date.now() + 30000;
    while (Date.now() < until) {
      const answer = await fetch(`${this.address}readyz`).catch(() => undefined);
      if (answer?.ok) return;
      await pause(50);
    }
    throw new Error(`the worker is not ready; it said:\n${this.said}`);
  }

  async stop() {
    if (this.process.exitCode !== null) return;
    this.process.kill("SIGTERM");
    await once(this.process, "exit");
  }
}

/** Places a call through whatever worker runs; what the command printed. */
export async function place(dial, { from = EXAMPLE.reception, keys } = {}) {
  const call = ["call", "--account", EXAMPLE.account, "--from", from, "--dial", dial];
  const servers = ["--amqp-uri", AMQP, "--couchdb-uri", COUCHDB, "--config", "/dev/null"];
  const typed = keys ? ["--dtmf", keys] : [];
  // Other tests may have left what looks like a cluster, for whose nodes each call would wait.
  const alone = ["--on-live-cluster"];
  const child = spawn(BINARY, [...call, ...typed, ...servers, ...alone], { env: environment });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`the call failed:\n${said}`);
  return said;
}
