-- Accounts. Sessions live in Redis; `session_epoch` ends all of a user's sessions at once, also while Redis is away.
CREATE TABLE users (
    id            uuid        PRIMARY KEY,
    -- Lower-cased by the application: one mailbox is one account.
    email         text        NOT NULL UNIQUE CHECK (email = lower(email) AND char_length(email) BETWEEN 3 AND 254),
    name          text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
    -- A PHC string: algorithm, parameters and salt included.
    password_hash text        NOT NULL,
    role          text        NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    session_epoch integer     NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX users_name ON users (name, id);

-- What was answered to a create request with an `Idempotency-Key`, so that sending it again creates nothing.
CREATE TABLE idempotency_keys (
    user_id     uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    key         text        NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    -- SHA-256 of route and body: the same key must not stand for another request.
    fingerprint text        NOT NULL,
    -- Null while the first request is under way.
    response    jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
