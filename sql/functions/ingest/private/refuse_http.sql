-- Refuses a call that is for Amp datasets alone where it names an HTTP source: that has no blocks and
-- no versions.
--
-- p_hint: what can be called instead; by default what shows the source.
create or replace function ampsync_private.refuse_http(
  p_dataset_id bigint,
  p_call       text,
  p_hint       text default null
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_label text;
begin
  select d.label into v_label
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and d.kind = 'http';
  if found then
    raise exception using
      errcode = 'SY004',
      message = format('ampsync.%s is for Amp datasets, and %s is an HTTP source', p_call, v_label),
      detail  = 'It has no blocks and no versions: its records are known by their key.',
      hint    = coalesce(p_hint, format('select * from ampsync.streams where dataset = %L;', v_label));
  end if;
end;
$$;

comment on function ampsync_private.refuse_http(bigint, text, text)
  is 'Raise SY004 where a call for Amp datasets names an HTTP source.';
