-- Has the job ampsync_publication take a baseline of a captured table: see ampsync.publish. SY402 where old rows are
-- not captured, so that it could not be rebuilt either way.
create or replace function ampsync_private.ask_baseline(
  p_relation regclass
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  update ampsync_private.published p
     set baseline_asked = ampsync_private.now(),
         error          = case when p.state <> 'live' then p.error end
   where p.relation = p_relation
     and p.identity = 'full';
  if not found then
    perform ampsync_private.raise_unpublishable(p_relation, 'a baseline needs old rows',
              'Under identity key a table cannot be shown as it was.',
              format('select ampsync.publish(%L, identity => ''full'', baseline => true);', p_relation::text));
  end if;
  perform ampsync_private.schedule_supervisor(); -- It queues the job.
end;
$$;

comment on function ampsync_private.ask_baseline(regclass)
  is 'Have a baseline of a captured table taken.';
