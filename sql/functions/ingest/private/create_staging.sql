-- Makes a staging table for a stream: the next one. It is filled by COPY and emptied in the same
-- transaction, so it is written to no log, vacuum has nothing to do there, and long records are not
-- compressed for the moment.
create or replace function ampsync_private.create_staging(
  p_stream_id bigint
)
  returns regclass
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_writer name := ampsync_private.writer();
  v_name   text := format('ampsync_private.page_%s_%s', p_stream_id,
                          (select coalesce(max(t.number), 0) + 1 from ampsync_private.staging_tables(p_stream_id) t));
begin
  execute format('create unlogged table %s (n integer not null, record text not null) '
                 'with (autovacuum_enabled = off, toast.autovacuum_enabled = off)', v_name);
  execute format('alter table %s alter column record set storage external', v_name);
  execute format('comment on table %s is %L', v_name, 'Records of one commit of an HTTP source; empty in between.');
  if v_writer <> current_user then
    execute format('alter table %s owner to %I', v_name, v_writer);
  end if;
  return v_name::regclass;
end;
$$;

comment on function ampsync_private.create_staging(bigint)
  is 'Make the next staging table for a stream.';
