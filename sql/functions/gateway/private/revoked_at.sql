-- When the token of a subject was revoked; null: it was not. p_issued: its `iat`, in seconds. One without a time is
-- as old as any.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.revoked_at(
  p_subject text,
  p_issued  jsonb
)
  returns timestamptz
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select r.at
      from ampsync_private.revoked r
     where r.subject = p_subject
       and not coalesce(case when jsonb_typeof(p_issued) = 'number'
                               then p_issued::numeric > extract(epoch from r.at) end, false));
end;
$$;

comment on function ampsync_private.revoked_at(text, jsonb)
  is 'When the token of a subject was revoked; null: it was not.';
