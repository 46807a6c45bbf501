-- Run once by the image of PostgreSQL, as its superuser, when it makes an empty data folder: a role that owns its
-- database and nothing else. What ampsync needs: CREATE on the database, for the schemas of datasets.
\set password `cat /run/secrets/ampsync_password`
create role ampsync login password :'password' nosuperuser nocreatedb nocreaterole noreplication;
create database ampsync owner ampsync encoding 'UTF8' template template0;
