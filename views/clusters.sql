-- One row a cluster.
CREATE VIEW clusters AS
SELECT * FROM lake.clusters
