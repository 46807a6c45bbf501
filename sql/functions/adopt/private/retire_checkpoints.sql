-- Renames the checkpoints of the Rust ampsync once none of its tables is left in their schema,
-- so that it fails if it still runs, and our view can have the name.
--
-- Locks: that table (access exclusive).
create or replace function ampsync_private.retire_checkpoints(
  p_schema text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_backup constant text := '_ampsync_checkpoints_backup';
begin
  if exists (select 1
               from pg_class c
              where c.relnamespace = quote_ident(p_schema)::regnamespace
                and c.relname = '_ampsync_checkpoints'
                and c.relkind in ('r', 'p'))
     and not exists (select 1
                       from pg_class c
                      where c.relnamespace = quote_ident(p_schema)::regnamespace
                        and c.relkind in ('r', 'p')
                        and ampsync_private.earlier_ampsync(p_schema, c.relname) is not null) then
    execute format('alter table %I._ampsync_checkpoints rename to %I', p_schema,
                   case when to_regclass(format('%I.%I', p_schema, v_backup)) is null then v_backup
                        else ampsync_private.free_name(p_schema, v_backup) end);
  end if;
end;
$$;

comment on function ampsync_private.retire_checkpoints(text)
  is 'Rename the checkpoints of the Rust ampsync once it has no table left in a schema.';
