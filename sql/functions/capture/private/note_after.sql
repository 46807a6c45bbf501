-- What stands behind the entry of a captured transaction: floors of tables whose rows it could not keep. Locks:
-- the log lock; rows of `published` are held by the caller.
create or replace function ampsync_private.note_after(
  p_transaction jsonb,
  p_losses      jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_loss record;
begin
  for v_loss in
    select p.published_id, format('%I.%I', p.schema_name, p.table_name) as name, p.state,
           l.value - '{n,id,drops,event,reason}'::text[] as details, l.value ->> 'event' as event,
           l.value ->> 'reason' as reason,
           row_number() over (partition by p.published_id order by l.ordinality) as number
      from jsonb_array_elements(p_losses) with ordinality l
      join ampsync_private.published p
        on p.published_id = (l.value ->> 'id')::integer
     where l.value -> 'n' = p_transaction -> 'n'
     order by l.ordinality
  loop
    if v_loss.event is not null then
      perform ampsync_private.journal(null, 'row_too_large',
                jsonb_build_object('table', v_loss.name) || jsonb_strip_nulls(v_loss.details));
    end if;
    if v_loss.number = 1 and v_loss.state = 'live' then
      perform ampsync_private.raise_floor(v_loss.published_id, v_loss.reason,
                                          (p_transaction ->> 'commit_lsn')::pg_lsn, null,
                                          ampsync_private.captured_at(p_transaction ->> 'at'));
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.note_after(jsonb, jsonb)
  is 'Enter what stands behind a captured transaction: floors of tables whose rows it could not keep.';
