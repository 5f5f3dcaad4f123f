// A baseline of `make bench`: issues and checks tokens with Fastify and better-sqlite3, each insert
// in a commit of its own. The row and its indexes are those of the service; uses are not counted.
//
//     SYNCHRONOUS=full DATABASE=…/tokens.db SOCKET=….sock node tokens.js
"use strict";

const crypto = require("node:crypto");
const Database = require("better-sqlite3");
const fastify = require("fastify");

const BUSY_MS = 60000; // wait for the writes of the other process
const TTL_MS = 60 * 60 * 1000;
const DIGEST_SIZE = 16;
const KEY = "a key of the reference, of 32 characters or more";
const FORM = /^\d{6}:[0-9A-Za-z]{22}$/;
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const database = new Database(process.env.DATABASE, { timeout: BUSY_MS });
database.pragma("journal_mode = WAL");
database.pragma(`synchronous = ${process.env.SYNCHRONOUS}`);
database.exec(`
  CREATE TABLE IF NOT EXISTS tokens (
      id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL, purpose TEXT, max_uses INTEGER,
      uses INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS tokens_digest ON tokens (digest);
  CREATE INDEX IF NOT EXISTS tokens_by_expiry ON tokens (expires_at, id);
`);
const insert = database.prepare(
  "INSERT INTO tokens (digest, uses, created_at, expires_at) VALUES (?, 0, ?, ?)");
const find = database.prepare("SELECT id, expires_at, max_uses, uses FROM tokens WHERE digest = ?");

// Avoids a bias by discarding bytes of 256 - 256 % base and more.
function digits(count, base) {
  let text = "";
  while (text.length < count) {
    for (const byte of crypto.randomBytes(count + 8)) {
      if (byte < 256 - (256 % base) && text.length < count) {
        text += BASE62[byte % base];
      }
    }
  }
  return text;
}

function digest(token) {
  return crypto.createHmac("sha256", KEY).update(token).digest().subarray(0, DIGEST_SIZE);
}

const reply = (properties) => ({
  response: {
    200: { type: "object", properties: { status_code: { type: "integer" }, ...properties } },
  },
});
const app = fastify();

app.post("/app/token", { schema: reply({ token: { type: "string" } }) }, () => {
  const token = `${digits(6, 10)}:${digits(22, 62)}`;
  const now = Date.now();
  insert.run(digest(token), now, now + TTL_MS);
  return { status_code: 200, token };
});

app.get("/app/valid/:token", { schema: reply({ status: { type: "boolean" } }) }, (request) => {
  const token = request.params.token;
  const row = FORM.test(token) ? find.get(digest(token)) : undefined;
  return { status_code: 200, status: row !== undefined && row.expires_at > Date.now() };
});

app.listen({ path: process.env.SOCKET });
