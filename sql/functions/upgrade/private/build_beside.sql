-- Gives each loaded table of an upgrade that has no shadow yet one, which begins to load the new
-- version.
--
-- Idempotent. The caller holds the dataset row.
create or replace function ampsync_private.build_beside(
  p_dataset_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform ampsync_private.start_shadow(s.stream_id, ampsync_private.now())
     from ampsync_private.upgrade u
     join ampsync_private.stream s using (dataset_id)
    where u.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.target is not null
      and ampsync_private.is_upgraded(u, s)
      and not exists (select 1
                        from ampsync_private.stream w
                       where w.shadow_of = s.stream_id and w.state <> 'former');
end;
$$;

comment on function ampsync_private.build_beside(bigint)
  is 'Let each loaded table of an upgrade have a shadow that loads the new version.';
