-- Refuses, with SY402, what cannot be published in mode rows: what is no ordinary table with a
-- primary key, columns that clients cannot hold, and an identity under which UPDATE or DELETE of
-- the application would fail.
create or replace function ampsync_private.check_publishable(
  p_relation regclass,
  p_identity text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_identity is null or p_identity not in ('full', 'key') then
    perform ampsync_private.raise_unpublishable(p_relation,
      format('there is no identity %s', coalesce(quote_literal(p_identity), 'null')),
      'The identity is ''full'' or ''key''.', format('select ampsync.publish(%L);', p_relation));
  end if;
  perform ampsync_private.check_kind(p_relation);
  perform ampsync_private.check_client_columns(p_relation);
  perform ampsync_private.check_identity(p_relation, p_identity);
end;
$$;

comment on function ampsync_private.check_publishable(regclass, text)
  is 'Refuse what cannot be published in mode rows.';
