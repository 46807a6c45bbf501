-- The types of columns that clients can hold: those of PGlite that keep a value for an application.
-- Not among them are the reg* types, which name objects by OIDs of one database, and what only the
-- server itself uses. Enums, domains over these, and arrays of all of them are allowed as well
-- (client_type).
create or replace function ampsync_private.client_types()
  returns regtype[]
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array[
    'bool', '"char"', 'name', 'text', 'varchar', 'bpchar', 'bytea', 'uuid', 'bit', 'varbit',
    'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'money', 'oid', 'xid8', 'pg_lsn',
    'date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval',
    'json', 'jsonb', 'jsonpath', 'xml', 'tsvector', 'tsquery',
    'inet', 'cidr', 'macaddr', 'macaddr8',
    'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle',
    'int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange',
    'int4multirange', 'int8multirange', 'nummultirange', 'tsmultirange', 'tstzmultirange', 'datemultirange'
  ]::regtype[];
$$;

comment on function ampsync_private.client_types()
  is 'The base types of columns that clients can hold.';
