BEGIN TRANSACTION;
CREATE TABLE cs_chunk (
    generation TEXT NOT NULL,
    id TEXT NOT NULL,
    page TEXT NOT NULL,
    state TEXT NOT NULL,
    metadata_hash TEXT NOT NULL,
    ref TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (generation, id)
);
INSERT INTO "cs_chunk" VALUES('57a605c6c335','3cbc0571-8966-86e5-be8a-3fe3101fd537','1310721','there','63d59873','');
INSERT INTO "cs_chunk" VALUES('57a605c6c335','b8760cc6-a3f5-8867-9aae-38853c19f68c','1310722','there','2c132999','');
INSERT INTO "cs_chunk" VALUES('57a605c6c335','99a60a5d-61fd-80b2-9872-c92961e53e80','1310723','there','db9f45bb','');
CREATE TABLE cs_generation (
    id TEXT PRIMARY KEY,
    site TEXT NOT NULL,
    store TEXT NOT NULL,
    collection TEXT NOT NULL,
    collection_id TEXT NOT NULL,
    collection_name TEXT NOT NULL,
    state TEXT NOT NULL,
    made_by_us INTEGER NOT NULL,
    scope TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    watermark TEXT,
    reconciled_at TEXT
);
INSERT INTO "cs_generation" VALUES('57a605c6c335','8f7d2c9e-4b1a-4e6f-9c3d-2a5b7e9f1c04','vector-api','confluence','confluence','confluence','current',1,'{"spaces": "all", "folder": "", "labels": []}','2026-01-31T08:15:00.006318+00:00','2026-01-31T08:15:00.006318+00:00','2026-01-31T08:15:00.006318+00:00');
CREATE TABLE cs_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "cs_meta" VALUES('revision','1');
CREATE TABLE cs_page (
    generation TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    space_id TEXT NOT NULL,
    parent_id TEXT,
    parent_type TEXT,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    labels TEXT NOT NULL,
    version_number BIGINT,
    version_at TEXT,
    metadata_hash TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    tried TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (generation, id)
);
INSERT INTO "cs_page" VALUES('57a605c6c335','1310721','page','98306',NULL,NULL,'Home','Sync Robot','[]',1,'2026-01-31T08:15:00.000Z','997ef1e3cf258bdb0b3cb240b815d9a835c80f90403a11c8ff1b365d5f4d40f7','01fa5044d56af993',0,'','');
INSERT INTO "cs_page" VALUES('57a605c6c335','1310722','page','98306','1310721','page','Ausfälle','Sync Robot','["gr\u00f6\u00dfe", "runbook"]',1,'2026-01-31T08:15:00.000Z','a8f3b0fa062a71dd2569538548f47bb08157bf8fa08162b3cca6b62c65919305','01fa5044d56af993',0,'','');
INSERT INTO "cs_page" VALUES('57a605c6c335','1310724','page','98306',NULL,NULL,'Refused','','[]',NULL,NULL,'','',1,'the store refuses 1 of its chunks: the store answers 422 {"error": {"detail": "a text was refused"}}','1@2026-01-31T08:15:00.000Z/01fa5044d56af993');
INSERT INTO "cs_page" VALUES('57a605c6c335','1310723','blogpost','98306',NULL,NULL,'News','Sync Robot','[]',1,'2026-01-31T08:15:00.000Z','4fcbb44057cd3c98c3ea3465d5000840fda125dc79c23679294bbca01f2c9b98','01fa5044d56af993',0,'','');
CREATE INDEX cs_chunk_page ON cs_chunk (generation, page);
CREATE INDEX cs_chunk_doubt ON cs_chunk (generation, state) WHERE state <> 'there';
CREATE INDEX cs_page_pending ON cs_page (generation) WHERE version_number IS NULL OR reason <> '';
COMMIT;
