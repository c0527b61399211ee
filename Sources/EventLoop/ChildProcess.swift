internal import CLinux
internal import Glibc

/// A program that is run once, in a process group of its own, with a time limit and what it writes.
///
/// A thread of its own starts it and waits for it, whatever becomes of this object: no program is left
/// behind as a zombie, and a slow disk does not hold up the loop. Both streams of the program's output are one.
/// When the program has ended, nothing more is waited for, also where another that it began still has
/// its output open.
// SAFETY: texts and tables lie in arrays that outlive the calls which are given pointers to them; the
// kernel fills values of the frame that calls.
@safe
package final class ChildProcess: EventSource, TimerTarget {
  package enum End: Equatable, Sendable {
    case exited(Int32)
    /// Ended by a signal of this number.
    case signalled(Int32)
    /// Its time was over, so its group was killed.
    case timedOut
    case notStarted(SystemError)
    /// It ended, and the system does not say how.
    case unknown
  }

  /// What the thread and the loop know in common.
  private final class Run: Sendable {
    private struct State {
      /// There is one from the start until the process is waited for: it is the process's for so long.
      var process: pid_t?
      var isUnwanted = false
      var end: End?
    }

    private let state = Guarded(State())
    let wakeup: FileDescriptor

    init() throws(SystemError) {
      let raw = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
      guard raw >= 0 else { throw SystemError("eventfd") }
      wakeup = FileDescriptor(owning: raw)
    }

    var end: End? { state.withLock { $0.end } }

    func started(_ process: pid_t) {
      state.withLock { state in
        state.process = process
        if state.isUnwanted { ChildProcess.kill(group: process) }
      }
    }

    /// Ends the whole group, now or as soon as it is there.
    func kill() {
      state.withLock { state in
        state.isUnwanted = true
        if let process = state.process { ChildProcess.kill(group: process) }
      }
    }

    /// The process is over and its number may become another's.
    func waited() { state.withLock { $0.process = nil } }

    func leave(_ end: End) {
      state.withLock { $0.end = end }
      _ = eventfd_write(wakeup.raw, 1)
    }
  }

  private let loop: EventLoop
  private let run: Run
  private let output: FileDescriptor
  private var wakeupToken = SourceToken.none
  private var outputToken = SourceToken.none
  private var timer = TimerToken.none
  private var written: [UInt8] = []
  private var completion: ((End, _ output: [UInt8]) -> Void)?

  /// What is kept of the program's output: its end.
  package static let outputBytesMax = 4096
  /// Of one turn; a program that writes without end does not keep the loop.
  private static let readsMax = 16

  /// Starts the program at the path that comes first in `arguments`.
  ///
  /// `completion` is called once, from the loop, with the last bytes that it wrote.
  package init(
    _ arguments: [String], environment: [String], within timeout: Duration, on loop: EventLoop,
    _ completion: @escaping (End, _ output: [UInt8]) -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.completion = completion
    let run = try Run()
    self.run = run
    var ends: (Int32, Int32) = (-1, -1)
    // SAFETY: the kernel writes two numbers of 32 bits into a pair of them.
    let made = unsafe withUnsafeMutableBytes(of: &ends) { bytes in
      unsafe pipe2(
        bytes.baseAddress?.assumingMemoryBound(to: Int32.self), O_CLOEXEC)
    }
    guard made == 0 else { throw SystemError("pipe2") }
    output = FileDescriptor(owning: ends.0)
    let input = FileDescriptor(owning: ends.1)
    // Our end alone never blocks.
    guard fcntl(output.raw, F_SETFL, O_NONBLOCK) == 0 else { throw SystemError("fcntl") }
    wakeupToken = try loop.register(run.wakeup.raw, self, [.readable])
    do throws(SystemError) {
      outputToken = try loop.register(output.raw, self, [.readable])
      // The thread closes it once the program has it.
      let raw = input.release()
      do throws(SystemError) {
        try WorkerThread.detached(name: "hook") { Self.run(arguments, environment, raw, run) }
      } catch {
        _ = Glibc.close(raw)
        throw error
      }
    } catch {
      cancel()
      throw error
    }
    timer = loop.arm(self, after: timeout)
  }

  /// Kills the program with all of its group; nothing is told.
  package func cancel() {
    guard completion != nil else { return }
    run.kill()
    over()
  }

  /// Lets go of everything but the program.
  private func over() {
    completion = nil
    loop.cancel(timer)
    timer = .none
    loop.unregister(run.wakeup.raw, wakeupToken)
    loop.unregister(output.raw, outputToken)
    (wakeupToken, outputToken) = (.none, .none)
  }

  package func ready(_ events: Readiness) {
    // What it wrote before it ended is there by now.
    let end = run.end
    read()
    if let end { finish(end) }
  }

  package func timerFired(_ token: TimerToken) {
    timer = .none
    run.kill()
    read()
    finish(.timedOut)
  }

  private func finish(_ end: End) {
    guard let completion else { return }
    over()
    completion(end, written)
  }

  private func read() {
    var block = [UInt8](repeating: 0, count: Self.outputBytesMax)
    for _ in 0..<Self.readsMax {
      var space = block.mutableSpan
      switch Descriptor.read(output.raw, into: &space) {
      case .bytes(let count):
        written = Array((written + block.prefix(count)).suffix(Self.outputBytesMax))
      case .wouldBlock: return
      case .closed, .failed:
        // All that had it open are gone. The thread tells when the program has ended.
        loop.unregister(output.raw, outputToken)
        outputToken = .none
        return
      }
    }
  }

  // MARK: The thread

  private static func run(
    _ arguments: [String], _ environment: [String], _ output: Int32, _ run: Run
  ) {
    // Ports below 1024 are for this program alone.
    shim_drop_ambient_capabilities()
    // What began this program may have had it ignored, and then nobody hears how a program ended.
    signal(SIGCHLD, SIG_DFL)
    let started = spawn(arguments, environment, output)
    _ = Glibc.close(output)
    switch started {
    case .failure(let error): run.leave(.notStarted(error))
    case .success(let process):
      run.started(process)
      run.leave(wait(for: process, run))
    }
  }

  private static func spawn(
    _ arguments: [String], _ environment: [String], _ output: Int32
  ) -> Result<pid_t, SystemError> {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    unsafe posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
    // Whatever is open here is not for another program, listeners and connections above all.
    unsafe posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // A group of its own, and no signal blocked or ignored: a program inherits what this one does.
    var none = sigset_t()
    unsafe sigemptyset(&none)
    var all = sigset_t()
    unsafe sigfillset(&all)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setsigdefault(&attributes, &all)
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    let flags =
      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
    unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    guard let path = arguments.first else {
      return .failure(SystemError("posix_spawn", code: ENOENT))
    }
    var process: pid_t = 0
    let code = unsafe withTexts(arguments) { arguments in
      unsafe withTexts(environment) { environment in
        unsafe posix_spawn(&process, path, &actions, &attributes, arguments, environment)
      }
    }
    return code == 0 ? .success(process) : .failure(SystemError("posix_spawn", code: code))
  }

  /// A table of C strings, as `main` is given them, for the length of a call.
  private static func withTexts<Value>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Value
  ) -> Value {
    // SAFETY: the copies and the table live until `body` has returned, and are freed once.
    let count = texts.count
    let table = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
      capacity: count + 1)
    unsafe table.initialize(repeating: nil, count: count + 1)
    for (index, text) in texts.enumerated() { unsafe table[index] = strdup(text) }
    defer {
      for index in 0..<count { unsafe free(table[index]) }
      unsafe table.deallocate()
    }
    return unsafe body(table)
  }

  /// Waits as long as it takes.
  private static func wait(for process: pid_t, _ run: Run) -> End {
    var facts = unsafe siginfo_t()
    // It stays a process until nobody can kill its number any more, which might be another's later.
    while unsafe waitid(P_PID, id_t(process), &facts, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    run.waited()
    var status: Int32 = 0
    var found: pid_t = -1
    repeat { found = unsafe waitpid(process, &status, 0) } while found < 0 && errno == EINTR
    guard found == process else { return .unknown }
    let signal = status & 0x7f
    return signal == 0 ? .exited(status >> 8 & 0xff) : .signalled(signal)
  }

  fileprivate static func kill(group: pid_t) { _ = Glibc.kill(-group, SIGKILL) }
}

@available(*, unavailable) extension ChildProcess: Sendable {}
