-- The highest block that every stream of a dataset's network has in its history with the same
-- hash; null if there is none. A stream whose network is not known yet holds nothing, so with
-- such a stream there is none.
--
-- p_beside   of the tables that readers see after an upgrade: those that it builds beside the
--            streams, and those of queries
-- p_joining  a stream that takes part as well
create or replace function ampsync_private.common_block(
  p_dataset_id bigint,
  p_network    text,
  p_beside     boolean default false,
  p_joining    bigint default null
)
  returns bigint
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with candidate as (
    select coalesce(w.stream_id, s.stream_id) as stream_id,
           s.in_cut or s.stream_id is not distinct from p_joining as in_cut
      from ampsync_private.stream s
      left join ampsync_private.stream w
             on p_beside and s.query is null and w.shadow_of = s.stream_id and w.state <> 'former'
     where s.dataset_id = p_dataset_id
       and s.shadow_of is null
       and s.state <> 'orphaned'
       and coalesce(s.network, p_network) = p_network
       and (w.stream_id is not null or s.query is not null or not p_beside)
  ),
  member as (
    select c.stream_id
      from candidate c
     where c.in_cut
        or not exists (select 1 from candidate o where o.in_cut)
  )
  select max(c.last_block)
    from (select h.last_block
            from ampsync_private.history h
            join member m using (stream_id)
           group by h.last_block, h.hash
          having count(*) = (select count(*) from member)) c;
$$;

comment on function ampsync_private.common_block(bigint, text, boolean, bigint)
  is 'The highest block that all streams of a dataset''s network hold with the same hash.';
