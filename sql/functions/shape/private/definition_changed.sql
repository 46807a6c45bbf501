-- That something changed which gateways keep in memory: a shape, a publication, what clients may write, a limit. They
-- compare count and highest id of these rows in the snapshot that they read data with, so that no data is sent by a
-- former definition. A row each, and no counter: nobody waits for another's open transaction.
create or replace function ampsync_private.definition_changed(
  p_what text
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  insert into ampsync_private.definition_change (what, at) values (p_what, ampsync_private.now());
$$;

comment on function ampsync_private.definition_changed(text)
  is 'Say that something changed which gateways keep in memory.';
