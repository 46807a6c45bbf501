-- Prepares a statement of upsert_text under a name: to plan it takes eight times as long as to try it
-- with one record. Without a statement deallocates that of the name. Its fifth parameter is there for p_only.
--
-- It belongs to the session and to no transaction: whoever prepares it deallocates it, in any case.
create or replace function ampsync_private.prepare_upsert(
  p_name   text,
  p_upsert text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select 1 from pg_prepared_statements s where s.name = p_name) then
    execute format('deallocate %I', p_name);
  end if;
  if p_upsert is not null then
    execute format('prepare %I(integer, integer, tid, tid, integer[]) as %s', p_name, p_upsert);
  end if;
end;
$$;

comment on function ampsync_private.prepare_upsert(text, text)
  is 'Prepare a statement of upsert_text, or deallocate it.';
