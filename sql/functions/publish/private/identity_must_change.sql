-- Whether a table, or one of its partitions, has another replica identity than it has to have.
-- p_identity: full, key; restore: another one, whatever it has; null: none is changed.
create or replace function ampsync_private.identity_must_change(
  p_relation regclass,
  p_identity text
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when p_identity is null then false
              when p_identity = 'restore' then true
              else exists (select from ampsync_private.identity_misfits(p_relation, p_identity)) end;
$$;

comment on function ampsync_private.identity_must_change(regclass, text)
  is 'Whether a table or one of its partitions has another replica identity than it has to have.';
