#!/usr/bin/env python3
"""One pass over all teams of a Sapling account, as a careful script would do it.

The measure that lapsed's observation is compared with. It reads the teams and their people over
kept connections, stores members and invites as changes (a row is written when somebody appears,
changes or leaves, and is left alone otherwise), and prints as JSON what it did and what it took, and
then whom no grant covers. Needs Python 3.11 and aiohttp.
"""

import argparse
import asyncio
import hashlib
import json
import resource
import sqlite3
import time

import aiohttp

SCHEMA = """
CREATE TABLE IF NOT EXISTS team (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    read_at  INTEGER,  -- when its people were last read: the last_seen of all who are there
    body     BLOB,     -- a digest of what was read then
    gone_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS member (
    team               TEXT NOT NULL REFERENCES team (id),
    id                 TEXT NOT NULL,
    email              TEXT NOT NULL,
    is_admin           INTEGER NOT NULL,
    is_manager         INTEGER NOT NULL,
    edit_permission    INTEGER NOT NULL,
    inspect_permission INTEGER NOT NULL,
    created_at         TEXT NOT NULL, -- as received: read where somebody asks for an age
    updated_at         TEXT NOT NULL,
    first_seen         INTEGER NOT NULL,
    last_seen          INTEGER,       -- set when gone; until then the team's read_at
    PRIMARY KEY (team, id)            -- a team's members lie together
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS invite (
    team        TEXT NOT NULL REFERENCES team (id),
    email       TEXT NOT NULL,
    registered  INTEGER NOT NULL,
    confirmed   INTEGER NOT NULL,
    permissions TEXT NOT NULL,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS access (
    team    TEXT NOT NULL REFERENCES team (id),
    email   TEXT NOT NULL,
    ends_at INTEGER,
    PRIMARY KEY (team, email)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS invite_there ON invite (team, email) WHERE last_seen IS NULL;
"""

MEMBERS = """
SELECT id, email, is_admin, is_manager, edit_permission, inspect_permission, created_at, updated_at
FROM member WHERE team = ? AND last_seen IS NULL
"""
PUT_MEMBER = """
INSERT INTO member VALUES (?9, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?10, NULL)
ON CONFLICT (team, id) DO UPDATE SET
    email = excluded.email, is_admin = excluded.is_admin, is_manager = excluded.is_manager,
    edit_permission = excluded.edit_permission, inspect_permission = excluded.inspect_permission,
    created_at = excluded.created_at, updated_at = excluded.updated_at, last_seen = NULL
"""
UNMANAGED = """
SELECT team.name, email FROM team JOIN member ON member.team = team.id AND last_seen IS NULL
WHERE gone_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM access WHERE access.team = member.team AND access.email = member.email
    AND (access.ends_at IS NULL OR access.ends_at > ?))
ORDER BY team.name, email
"""
INVITES = """
SELECT email, registered, confirmed, permissions FROM invite WHERE team = ? AND last_seen IS NULL
"""

class Pass:
    """One reading of everything, and the transaction that it is stored in."""

    def __init__(self, db, session, options):
        self.db = db
        self.session = session
        self.options = options
        self.now = int(time.time())
        self.done = {"teams": 0, "members": 0, "written": 0, "gone": 0}

    async def get(self, path):
        url = f"{self.options.url}/api/v1/{path}"
        async with self.session.get(url, params={"key": self.options.key}) as response:
            body = await response.read()
            if response.status != 200:
                raise RuntimeError(f"{path}: {response.status}")
            return body

    async def run(self):
        teams = json.loads(await self.get("team"))["teams"]
        # A pass is stored whole or not at all: one commit, and nothing half done to explain.
        self.db.execute("BEGIN IMMEDIATE")
        self.take_teams(teams)
        waiting = iter(teams)
        workers = (self.work(waiting) for _ in range(self.options.connections))
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker)
        self.db.execute("COMMIT")

    async def work(self, teams):
        """Reads one team after the other; the others go on while this one is waited for."""
        for team in teams:
            body = await self.get(f"team/{team['id']}/team_user")
            self.take(team["id"], body)

    def take_teams(self, teams):
        self.db.executemany(
            "INSERT INTO team (id, name) VALUES (?, ?) ON CONFLICT (id) DO UPDATE"
            " SET name = excluded.name, gone_at = NULL"
            " WHERE name <> excluded.name OR gone_at IS NOT NULL",
            [(team["id"], team["name"]) for team in teams],
        )
        there = {team["id"] for team in teams}
        known = self.db.execute("SELECT id FROM team WHERE gone_at IS NULL").fetchall()
        gone = [(self.now, team) for (team,) in known if team not in there]
        self.db.executemany("UPDATE team SET gone_at = ? WHERE id = ?", gone)

    def take(self, team, body):
        self.done["teams"] += 1
        digest = None
        if self.options.digests:
            digest = hashlib.blake2b(body, digest_size=16).digest()
            (known,) = self.db.execute("SELECT body FROM team WHERE id = ?", (team,)).fetchone()
            if known == digest:
                self.db.execute("UPDATE team SET read_at = ? WHERE id = ?", (self.now, team))
                return
        people = json.loads(body)
        self.take_members(team, people["users"])
        self.take_invites(team, people["pending_users"])
        self.db.execute(
            "UPDATE team SET read_at = ?, body = ? WHERE id = ?", (self.now, digest, team)
        )

    def take_members(self, team, users):
        known = {row[0]: row for row in self.db.execute(MEMBERS, (team,))}
        changed = []
        for user in users:
            row = (
                user["id"], user["login_email"], user["is_admin"], user["is_manager"],
                user["edit_permission"], user["inspect_permission"],
                user["created_at"], user["updated_at"],
            )
            if known.pop(row[0], None) != row:
                changed.append((*row, team, self.now))
        if changed:
            self.db.executemany(PUT_MEMBER, changed)
        if known:
            self.db.executemany(
                "UPDATE member SET last_seen = (SELECT read_at FROM team WHERE id = member.team)"
                " WHERE team = ? AND id = ?",
                [(team, member) for member in known],
            )
        self.done["members"] += len(users)
        self.done["written"] += len(changed)
        self.done["gone"] += len(known)

    def take_invites(self, team, invites):
        known = {row[0]: row for row in self.db.execute(INVITES, (team,))}
        for invite in invites:
            row = (
                invite["email"], invite["registered"], invite["confirmed"], invite["permissions"]
            )
            if row[0] not in known:
                self.db.execute(
                    "INSERT INTO invite VALUES (?, ?, ?, ?, ?, ?, NULL)", (team, *row, self.now)
                )
            elif known.pop(row[0]) != row:
                self.db.execute(
                    "UPDATE invite SET registered = ?, confirmed = ?, permissions = ?"
                    " WHERE team = ? AND email = ? AND last_seen IS NULL",
                    (*row[1:], team, row[0]),
                )
        for email in known:
            self.db.execute(
                "UPDATE invite SET last_seen = (SELECT read_at FROM team WHERE id = invite.team)"
                " WHERE team = ? AND email = ? AND last_seen IS NULL",
                (team, email),
            )


async def one_pass(db, options):
    connector = aiohttp.TCPConnector(limit=options.connections)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        reading = Pass(db, session, options)
        await reading.run()
        return reading.done


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="where the API is, without a slash at the end")
    parser.add_argument("--key", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--connections", type=int, default=16, help="calls at once")
    parser.add_argument(
        "--digests", action="store_true", help="skip a team whose answer is the last one, byte for byte"
    )
    options = parser.parse_args()

    start = time.perf_counter()
    db = sqlite3.connect(options.database, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    # What was read can be read again: a pass lost to a power failure is no loss.
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA cache_size = -65536")
    db.executescript(SCHEMA)
    done = asyncio.run(one_pass(db, options))
    rows = db.execute("SELECT count(*) FROM member WHERE last_seen IS NULL").fetchone()[0]
    read = time.perf_counter()
    unmanaged = db.execute(UNMANAGED, (int(time.time()),)).fetchall()
    findings = json.dumps([
        {"finding": "member.unmanaged", "team": team, "email": email} for team, email in unmanaged
    ])
    done["unmanaged"] = len(unmanaged)
    done["telling_seconds"] = time.perf_counter() - read
    db.close()
    done["rows"] = rows
    done["seconds"] = time.perf_counter() - start
    done["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(done))
    print(findings)


if __name__ == "__main__":
    main()
