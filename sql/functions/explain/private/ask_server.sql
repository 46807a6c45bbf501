-- Queues a job that asks the Amp server about a dataset, if its last answer is older than 10 s, or
-- there is none. Answers to others that are older than a day are forgotten.
--
-- Locks: rows of answers.
create or replace function ampsync_private.ask_server(
  p_namespace text,
  p_name      text,
  p_revision  text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := ampsync_private.now();
  v_answer ampsync_private.answer;
begin
  insert into ampsync_private.answer (namespace, name, revision)
  values (p_namespace, p_name, p_revision)
  on conflict (namespace, name, coalesce(revision, 'latest')) do update set name = excluded.name
  returning * into v_answer;

  if coalesce(v_answer.answered_at, '-infinity') < v_now - interval '10 s' then
    update ampsync_private.answer a
       set asked_at = v_now
     where a.answer_id = v_answer.answer_id;
    perform graphile_worker.add_job(
      'ampsync_explain',
      payload => json_build_object('answer_id', v_answer.answer_id::text),
      job_key => 'ampsync_explain:' || v_answer.answer_id);
  end if;
  delete from ampsync_private.answer a -- Last, and without waiting: another call may hold one, and want this one.
   where a.answer_id in (select o.answer_id
                           from ampsync_private.answer o
                          where o.asked_at < v_now - interval '1 day'
                            and o.answer_id <> v_answer.answer_id
                            for update skip locked);
end;
$$;

comment on function ampsync_private.ask_server(text, text, text)
  is 'Queue a job that asks the Amp server about a dataset, if its last answer is old.';
