-- Differs whenever captured_tables may differ: cheap enough to be asked with every commit.
create or replace function ampsync_private.tables_stamp()
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (select coalesce(md5(string_agg(p.published_id || ':' || p.xmin::text, ',' order by p.published_id)), '')
            from ampsync_private.published p
           where p.mode = 'rows'
             and p.state <> 'ended');
end;
$$;

comment on function ampsync_private.tables_stamp()
  is 'A text that changes with what is noted of the captured tables.';
