-- What becomes of each shape that a client asks for, as JSON in its order: `resume`, the log goes on from where the
-- client is; `load`, with the reason; or `failed`, with the error. One shape of a table at a time: a second one is
-- refused (SY412), that which the client has already goes on.
--
-- whole   the table's rows are replaced as a whole, by those of all instances: nothing of it resumes, or what the
--         client has is of another definition, another time, or another past
-- waits   it cannot be loaded yet, see table_reason; a table of a dataset that was loaded for its size within the
--         last 10 minutes waits as well
--
-- p_is_open  its session is open: its gateway follows the log, and says itself what it cannot send (large_shapes)
create or replace function ampsync_private.judge_shapes(
  p_client_id uuid,
  p_claims    jsonb,
  p_hello     jsonb,
  p_is_reset  boolean,
  p_is_open   boolean
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_hello     record := ampsync_private.read_hello(p_hello);
  v_forked    boolean;
  v_is_behind boolean;
  v_answers   jsonb;
begin
  perform ampsync_private.check_shape_count(jsonb_array_length(v_hello.shapes), 0);
  v_forked := ampsync_private.is_forked(v_hello.epoch, v_hello."position", v_hello.stamp)
              or ampsync_private.is_forked(v_hello.epoch, v_hello.blocks, v_hello.blocks_stamp);
  v_is_behind := v_hello."position" is not null and not v_forked and not p_is_open
                 and ampsync_private.rows_behind(v_hello."position");

  with wish as materialized (
    select w.*, first_value(w.shape_id) over (partition by w.published_id
                                              order by w.error is not null, w.given is null, w.n) as chosen,
           ampsync_private.followed_definition(w.shape_id, w.given, w.definition,
                                               case p.mode when 'rows' then v_hello."position" else v_hello.blocks end)
             as known
      from ampsync_private.wished_shapes(p_claims, v_hello.shapes) w
      left join ampsync_private.published p using (published_id)
  ), reading as materialized (
    select o.published_id, t.reason, t.waits
      from (select distinct w.published_id, w.low from wish w where w.error is null and w.shape_id = w.chosen) o
     cross join lateral ampsync_private.table_reason(
                          o.published_id, v_hello."position", v_hello.blocks, o.low, v_is_behind) t
  ), told as (
    select w.*, p.mode, t.waits,
           case when p.published_id is not null
                  then format('%I.%I', p.schema_name, p.table_name) end as table_name,
           case when w.error is not null then w.error
                when w.shape_id <> w.chosen
                  then ampsync_private.second_shape_error(w.name, w.chosen) end as refusal,
           coalesce(w.forced,
                    case when p_is_reset then 'reset_client'
                         when w.given is null then 'new'
                         when w.given = '' then 'broken off'
                         when v_forked then 'forked'
                         when split_part(w.known, '-', 1) <> split_part(w.definition, '-', 1) then 'definition changed'
                         when w.known <> w.definition then 'claims changed'
                         else t.reason end) as reason
      from wish w
      left join ampsync_private.published p using (published_id)
      left join reading t using (published_id)
  ), of_table as (
    select t.published_id, max(t.reason) filter (where t.reason <> 'new') as reason,
           coalesce(bool_or(t.reason <> 'new'), false) or bool_and(t.reason is not null)
           -- New rows do not fit among those that wait for a change of form.
           or bool_or(t.reason is not null)
              and ampsync_private.has_form_to_come(t.published_id, case min(t.mode) when 'rows' then v_hello."position"
                                                                                   else v_hello.blocks end) as is_whole
      from told t
     where t.refusal is null
     group by t.published_id
  )
  select coalesce(jsonb_agg(jsonb_build_object(
           'id', t.id, 'shape', t.name, 'shape_id', t.shape_id, 'published_id', t.published_id, 'table', t.table_name,
           'definition', t.definition, 'keys', to_jsonb(t.keys))
           || case when t.refusal is not null then jsonb_build_object('mode', 'failed') || t.refusal
                   when t.reason is null and not o.is_whole then jsonb_build_object('mode', 'resume')
                   else jsonb_build_object('mode', 'load', 'reason', coalesce(t.reason, o.reason, 'definition changed'),
                                           'whole', o.is_whole, 'waits', t.waits, 'of', t.mode, 'loads', t.loads) end
           order by t.n), '[]')
    into v_answers
    from told t
    left join of_table o on o.published_id = t.published_id and t.refusal is null;

  perform ampsync_private.check_shape_count(0, (
    select count(*) from jsonb_array_elements(v_answers) a(answer)
     cross join jsonb_array_elements(case jsonb_typeof(a.answer -> 'keys') when 'array' then a.answer -> 'keys'
                                          else '[]' end)));
  return ampsync_private.space_loads(p_client_id, v_answers);
end;
$$;

comment on function ampsync_private.judge_shapes(uuid, jsonb, jsonb, boolean, boolean)
  is 'What becomes of each shape that a client asks for: resume, load and why, or failed.';
