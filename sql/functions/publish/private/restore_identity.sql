-- Puts the replica identity back that a table had before it was published (set_identity), unless
-- somebody has changed it meanwhile, or the index that it named is gone or cannot be one any more.
--
-- Locks: none; the caller holds the table.
create or replace function ampsync_private.restore_identity(
  p_relation regclass,
  p_before   text,
  p_identity text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if ampsync_private.identity_of(p_relation) <> (case p_identity when 'full' then 'f' else 'd' end)
     or starts_with(p_before, 'i:') and not exists (
          select 1
            from pg_index i
            join pg_class x on x.oid = i.indexrelid
           where i.indrelid = p_relation and x.relname = substr(p_before, 3) and i.indisunique and i.indimmediate
             and i.indisvalid and i.indpred is null and i.indexprs is null
             and not exists (select 1
                               from pg_attribute a
                              where a.attrelid = p_relation and not a.attnotnull
                                and a.attnum = any (ampsync_private.index_key_columns(i.indexrelid))))
  then
    return;
  end if;
  execute format('alter table only %s replica identity %s', p_relation,
                 case p_before when 'd' then 'default' when 'n' then 'nothing' when 'f' then 'full'
                               else format('using index %I', substr(p_before, 3)) end);
end;
$$;

comment on function ampsync_private.restore_identity(regclass, text, text)
  is 'Put back the replica identity that a table had before it was published.';
