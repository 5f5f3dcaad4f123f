-- Statements about sessions and their refresh tokens, for app/auth/session.c,
-- app/service/session_watch.c, app/cli/sessions.c.

-- define: session_is_alive
ended_at IS NULL AND expires_at >

-- Ends a session. Also sets expires_at, by which the purge finds the row.
-- define: session_ends
ended_at = $1, expires_at = CASE WHEN expires_at < $1 THEN expires_at ELSE $1 END

-- name: sessions_insert
INSERT INTO sessions (id, subject, account_id, username, username_key, epoch, administrator,
                      key_id, address, device, created_at, last_seen_at, expires_at, principals)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13);

-- define: alive_session
SELECT epoch, administrator, expires_at
  FROM sessions
 WHERE id = $1 AND subject = $2 AND @session_is_alive@ $3

-- name: sessions_alive
@alive_session@;

-- name: sessions_lock_alive sqlite
@alive_session@;

-- name: sessions_lock_alive postgres
@alive_session@ FOR UPDATE;

-- name: sessions_renew
UPDATE sessions
   SET username = $2, username_key = $3, administrator = $4, key_id = $5, address = $6,
       device = $7, last_seen_at = $8
 WHERE id = $1;

-- name: sessions_end
UPDATE sessions SET @session_ends@ WHERE id = $2 AND ended_at IS NULL;

-- name: sessions_end_of_account
UPDATE sessions SET @session_ends@ WHERE account_id = $2 AND ended_at IS NULL;

-- name: sessions_end_of_subject
UPDATE sessions SET @session_ends@ WHERE subject = $2 AND ended_at IS NULL;

-- Ends all sessions with that subject or user name.
-- name: sessions_end_named
UPDATE sessions SET @session_ends@
 WHERE (subject = $2 OR username_key = $3) AND ended_at IS NULL;

-- name: sessions_end_all
UPDATE sessions SET @session_ends@ WHERE ended_at IS NULL;

-- Ends the sessions of a directory user that are older than the password, or were opened with
-- administrator rights that the user no longer has.
-- name: sessions_end_outdated
UPDATE sessions SET @session_ends@
 WHERE subject = $2 AND ended_at IS NULL AND (epoch < $3 OR administrator > $4);

-- Ends the sessions of a directory user in which a principal gave rights. $3 is a pattern with its
-- SID.
-- name: sessions_end_of_principal
UPDATE sessions SET @session_ends@
 WHERE subject = $2 AND ended_at IS NULL AND principals LIKE $3;

-- name: sessions_set_principals
UPDATE sessions SET principals = $2
 WHERE subject = $1 AND ended_at IS NULL AND principals <> $2;

-- Ends the local administrator's sessions that were opened with other credentials than the
-- configured ones.
-- name: sessions_end_of_other_administrators
UPDATE sessions SET @session_ends@
 WHERE subject LIKE 'local:%' AND ended_at IS NULL
   AND (subject <> $2 OR epoch <> $3);

-- name: sessions_end_of_other_keys
UPDATE sessions SET @session_ends@ WHERE ended_at IS NULL AND key_id <> $2 AND key_id <> $3;

-- A page of the directory users with live sessions, after the subject $1, with the oldest epoch
-- of these sessions, the highest rights, and the lowest and the highest text of principals, which
-- are equal if all are.
-- name: sessions_of_directory
SELECT subject, min(epoch) AS oldest_epoch, max(administrator) AS any_administrator,
       min(principals) AS lowest_principals, max(principals) AS highest_principals
  FROM sessions
 WHERE subject > $1 AND subject < 'directory:~' AND @session_is_alive@ $2
 GROUP BY subject ORDER BY subject LIMIT $3;

-- All live sessions, or those of one subject or user name.
-- name: sessions_list
SELECT id, subject, username, created_at, last_seen_at, expires_at, address, device
  FROM sessions
 WHERE @session_is_alive@ $1
   AND ($2 = '' OR subject = $2 OR username_key = $3)
 ORDER BY created_at, id;

-- Rows with a time of issue in the future: see purge_shorten() in app/store/purge.h. replaced_at is
-- not changed: setting it to now would start the grace period of a replaced token again.
-- name: sessions_ahead
SELECT 1 FROM sessions WHERE created_at > $1 LIMIT 1;

-- name: sessions_shorten
UPDATE sessions
   SET expires_at = expires_at - (created_at - $1), created_at = $1,
       last_seen_at = CASE WHEN last_seen_at > $1 THEN $1 ELSE last_seen_at END
 WHERE id IN (SELECT id FROM sessions WHERE created_at > $1 LIMIT $2);

-- name: refresh_tokens_ahead
SELECT 1 FROM refresh_tokens WHERE issued_at > $1 LIMIT 1;

-- name: refresh_tokens_shorten
UPDATE refresh_tokens SET expires_at = expires_at - (issued_at - $1), issued_at = $1
 WHERE digest IN (SELECT digest FROM refresh_tokens WHERE issued_at > $1 LIMIT $2);

-- name: sessions_purge
DELETE FROM sessions
 WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2);

-- name: refresh_tokens_insert
INSERT INTO refresh_tokens (digest, session_id, issued_at, expires_at) VALUES ($1, $2, $3, $4);

-- define: refresh_token_columns
SELECT t.session_id, t.expires_at, t.replaced_at, s.subject, s.account_id, s.epoch,
       s.administrator, s.expires_at AS session_expires_at, s.ended_at
  FROM refresh_tokens t
  JOIN sessions s ON s.id = t.session_id
 WHERE t.digest = $1

-- name: refresh_tokens_by_digest
@refresh_token_columns@;

-- Locks the row, so that requests with the same token are handled one after the other.
-- name: refresh_tokens_lock_by_digest sqlite
@refresh_token_columns@;

-- name: refresh_tokens_lock_by_digest postgres
@refresh_token_columns@ FOR UPDATE;

-- name: refresh_tokens_replace
UPDATE refresh_tokens SET replaced_at = $2 WHERE digest = $1;

-- Returns a row if the live token of the session has this digest.
-- name: refresh_tokens_live
SELECT 1 FROM refresh_tokens WHERE digest = $1 AND session_id = $2 AND replaced_at IS NULL;

-- name: refresh_tokens_purge
DELETE FROM refresh_tokens
 WHERE digest IN (SELECT digest FROM refresh_tokens WHERE expires_at < $1
                   ORDER BY expires_at LIMIT $2);
