// A baseline of `make bench`: creates contacts with Fastify and better-sqlite3, each in a commit of
// its own that is durable with SYNCHRONOUS=full. The row and its indexes are those of the service,
// without the search index. There is no authentication, counting or audit.
//
//     SYNCHRONOUS=full DATABASE=…/contacts.db SOCKET=….sock node contacts.js
"use strict";

const Database = require("better-sqlite3");
const fastify = require("fastify");

const BUSY_MS = 60000; // wait for the writes of the other process
const ORGANIZATION = 1;
const OWNER = 1;

const database = new Database(process.env.DATABASE, { timeout: BUSY_MS });
database.pragma("journal_mode = WAL");
database.pragma(`synchronous = ${process.env.SYNCHRONOUS}`);
database.exec(`
  CREATE TABLE IF NOT EXISTS contacts (
      id INTEGER PRIMARY KEY, organization_id INTEGER NOT NULL, name TEXT NOT NULL,
      name_key TEXT NOT NULL, email TEXT, email_key TEXT, email_unique_key TEXT, phone TEXT,
      company TEXT, position TEXT, notes TEXT, owner_id INTEGER, search_text TEXT NOT NULL,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 1,
      deleted_at INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS contacts_organization_id_email_unique_key
      ON contacts (organization_id, email_unique_key) WHERE deleted_at IS NULL;
  CREATE INDEX IF NOT EXISTS contacts_by_email
      ON contacts (organization_id, email_key, id) WHERE deleted_at IS NULL;
  CREATE INDEX IF NOT EXISTS contacts_by_id
      ON contacts (organization_id, id) WHERE deleted_at IS NULL;
  CREATE INDEX IF NOT EXISTS contacts_by_name
      ON contacts (organization_id, name_key, id) WHERE deleted_at IS NULL;
  CREATE INDEX IF NOT EXISTS contacts_by_owner
      ON contacts (organization_id, owner_id, id, created_at, deleted_at) WHERE deleted_at IS NULL;
  CREATE INDEX IF NOT EXISTS contacts_by_time
      ON contacts (organization_id, created_at, id, deleted_at) WHERE deleted_at IS NULL;
`);

const insert = database.prepare(`
  INSERT INTO contacts (organization_id, name, name_key, email, email_key, email_unique_key, phone,
                        company, position, notes, owner_id, search_text, created_at, updated_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  RETURNING id, name, email, phone, company, position, notes, owner_id, created_at, updated_at,
            version`);

const text = (maxLength) => ({ type: "string", minLength: 1, maxLength });
const orNull = (schema) => ({ ...schema, type: [schema.type, "null"] });
const fields = {
  name: text(200),
  email: orNull({ ...text(254), format: "email" }),
  phone: orNull(text(50)),
  company: orNull(text(200)),
  position: orNull(text(200)),
  notes: orNull(text(10000)),
};
const time = { type: "string" };
const schema = {
  body: { type: "object", required: ["name"], additionalProperties: false, properties: fields },
  response: {
    201: {
      type: "object",
      properties: {
        id: { type: "integer" },
        ...fields,
        owner_id: { type: "integer" },
        created_at: time,
        updated_at: time,
        version: { type: "integer" },
      },
    },
  },
};

function create(body) {
  const { name, email = null, phone = null, company = null, position = null, notes = null } = body;
  const now = Date.now();
  const emailKey = email && email.toLowerCase();
  const digits = phone && phone.replace(/\D/g, "");
  const searchText = [name, email, phone, digits, company]
    .filter(Boolean).join(" ").toLowerCase().replace(/\s+/g, "  ");
  return insert.get(ORGANIZATION, name, name.toLowerCase(), email, emailKey, emailKey, phone,
    company, position, notes, OWNER, searchText, now, now);
}

const app = fastify();

app.post("/api/v1/contacts", { schema }, (request, reply) => {
  const row = create(request.body);
  row.created_at = new Date(row.created_at).toISOString();
  row.updated_at = new Date(row.updated_at).toISOString();
  reply.code(201).header("Location", `/api/v1/contacts/${row.id}`).send(row);
});

app.listen({ path: process.env.SOCKET });
