-- Run once by the image of PostgreSQL, as its superuser, when it makes an empty data folder: a role that owns its
-- database and nothing else. What ampsync needs: CREATE on the database, for the schemas of datasets. Gateways have a
-- role of their own, which reads no table: ampsync migrate grants to ampsync_gateway what they call.
\set password `cat /run/secrets/ampsync_password`
\set gateway_password `cat /run/secrets/gateway_password`
create role ampsync login password :'password' nosuperuser nocreatedb nocreaterole noreplication;
create database ampsync owner ampsync encoding 'UTF8' template template0;
create role ampsync_gateway nologin nosuperuser nocreatedb nocreaterole noreplication;
create role gateway login password :'gateway_password' in role ampsync_gateway;
