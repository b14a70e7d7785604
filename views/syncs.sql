-- One row for every type in every sync: whether its list was complete, and how many objects were read, created, updated and deleted.
CREATE VIEW syncs AS
SELECT * FROM lake.syncs
