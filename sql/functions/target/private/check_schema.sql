-- Rejects a target schema whose owner could replace one of our tables (untrusted_owner). A
-- schema that does not exist yet will be our own, and the owner of ampsync_private decides what
-- runs anyway.
create or replace function ampsync_private.check_schema(
  p_stream_id     bigint,
  p_target_schema text
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner text := ampsync_private.untrusted_owner(to_regnamespace(quote_ident(p_target_schema)));
begin
  if v_owner is not null and p_target_schema <> 'ampsync_private' then
    raise exception using
      errcode = 'SY201',
      message = format('schema %I belongs to %I, which could put another table in the place of a target',
                       p_target_schema, v_owner),
      detail  = format('Nothing was written. A trigger of that table would run as %I. Trusted are %1$I, roles that it '
                       'is a member of, the owner of the database, that of ampsync, and superusers.',
                       ampsync_private.writer()),
      hint    = format('alter schema %I owner to %I; select ampsync.resume_sync(%L);', p_target_schema,
                       ampsync_private.writer(), ampsync_private.stream_label(p_stream_id));
  end if;
end;
$$;

comment on function ampsync_private.check_schema(bigint, text)
  is 'Raise SY201 for a target schema whose owner is not trusted.';
