-- The synced dataset that a reference means: the one enqueued under exactly this reference, or
-- else the only one of that name.
create or replace function ampsync_private.find_dataset(
  p_reference text
)
  returns bigint
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref record := ampsync_private.parse_reference(p_reference);
  v_ids bigint[];
begin
  select array_agg(d.dataset_id order by d.revision is distinct from v_ref.revision) into v_ids
    from ampsync_private.dataset d
   where d.namespace = v_ref.namespace
     and d.name = v_ref.name
     and (d.revision is not distinct from v_ref.revision or v_ref.revision is null);

  if cardinality(v_ids) = 1 or exists (select 1
                                         from ampsync_private.dataset d
                                        where d.dataset_id = v_ids[1]
                                          and d.revision is not distinct from v_ref.revision) then
    return v_ids[1];
  end if;

  raise exception using
    errcode = 'SY003',
    message = format('%s is %s', p_reference,
                     case when v_ids is null then 'not synced' else 'synced in several versions' end),
    detail  = (select format('Synced: %s.', coalesce(string_agg(d.label, ', ' order by d.label), 'nothing'))
                 from ampsync_private.dataset d),
    hint    = 'select dataset from ampsync.status;';
end;
$$;

comment on function ampsync_private.find_dataset(text)
  is 'The id of the synced dataset that a reference means; SY003 for none, or several.';
