-- The answer of commit_capture. p_always: with the tables, whether or not they were told before; else only if
-- they may have changed since.
create or replace function ampsync_private.capture_answer(
  p_reread boolean,
  p_always boolean
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_capture ampsync_private.capture;
  v_stamp   text := ampsync_private.tables_stamp();
  v_tells   boolean;
begin
  select * into strict v_capture from ampsync_private.capture c;
  v_tells := p_always or p_reread or v_capture.tables_stamp is distinct from v_stamp;
  if v_capture.tables_stamp is distinct from v_stamp then
    update ampsync_private.capture c set tables_stamp = v_stamp;
  end if;
  return jsonb_build_object('commit_lsn', v_capture.commit_lsn, 'end_lsn', v_capture.end_lsn, 'reread', p_reread,
                            'tables', case when v_tells then ampsync_worker.captured_tables() end);
end;
$$;

comment on function ampsync_private.capture_answer(boolean, boolean)
  is 'The answer of commit_capture: where the log stands, and the tables if they changed.';
