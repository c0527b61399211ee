# shellcheck shell=bash
# Children of a script: started apart from its terminal, awaited, ended by their id and by nothing else.

children=()

# free_port: a TCP port of 127.0.0.1 that nobody has.
free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start LOG COMMAND...: runs it in a session of its own, so that Ctrl-C reaches only the script.
# Leaves its id in `child`.
start() {
  local log=$1
  shift
  setsid "$@" </dev/null >"$log" 2>&1 &
  child=$!
  children+=("$child")
}

# wait_until CHILD LOG CONDITION...: until the condition holds; fails when the child ends or 20 s pass.
wait_until() {
  local child=$1 log=$2 tries=400
  shift 2
  until "$@" 2>/dev/null; do
    kill -0 "$child" 2>/dev/null || { tail -n 20 "$log" >&2; die "it ended before it was ready; its log: $log"; }
    ((tries-- > 0)) || { tail -n 20 "$log" >&2; die "it was not ready after 20 s; its log: $log"; }
    sleep 0.05
  done
}

# port_open PORT: somebody listens there.
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

# end_children: the last started first; a polite signal, and the hard one 15 s later.
end_children() {
  local index child tries
  for ((index = ${#children[@]} - 1; index >= 0; index--)); do
    child=${children[index]}
    kill -TERM "$child" 2>/dev/null || continue
    for ((tries = 300; tries > 0; tries--)); do
      kill -0 "$child" 2>/dev/null || break
      sleep 0.05
    done
    kill -KILL "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  done
  children=()
}
