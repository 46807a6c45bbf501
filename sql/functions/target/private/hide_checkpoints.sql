-- Drops the view of checkpoints from a target schema that no stream writes to any more. Kept is
-- a relation of that name that is not ours, and a view that others depend on or read right
-- now: it has no rows from now on.
--
-- Idempotent. Locks: an advisory lock on the name of the schema; the view.
create or replace function ampsync_private.hide_checkpoints(
  p_target_schema text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
begin
  perform ampsync_private.check_may_read(to_regnamespace(quote_ident(p_target_schema)), null);
  perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || p_target_schema, 0));
  if ampsync_private.checkpoints_definition(p_target_schema) is not null
     and not exists (select 1
                       from ampsync_private.stream s
                      where s.target_schema = p_target_schema
                        and s.shadow_of is null) then
    execute format('drop view %I._ampsync_checkpoints', p_target_schema);
  end if;
exception
  when dependent_objects_still_exist or lock_not_available then
    null;
end;
$$;

comment on function ampsync_private.hide_checkpoints(text)
  is 'Drop the view of checkpoints from a schema that no stream writes to any more.';
