// A call that works on a pool thread and answers by a promise.
#pragma once

#include <napi.h>

#include <functional>
#include <vector>

#include "../parallel.h"

namespace nestbit {

using Work = std::function<void(const Stop&)>;
using Answer = std::function<Napi::Value(Napi::Env)>;

// Runs `work` on a pool thread, then `answer` on the JavaScript thread; the promise resolves with its value, or
// rejects with an Error whose `code` is that of the Failure. `keep`: values whose memory the work reads or writes;
// they stay alive until it ends. `token`: what cancel() calls it by; 0: not cancellable.
Napi::Value start(Napi::Env env, uint32_t token, std::initializer_list<Napi::Value> keep, Work work, Answer answer);

// Prepares this environment; once, at load.
void prepareJobs(Napi::Env env);

// The class of BinaryIndex in this environment, for the objects that calls give.
Napi::FunctionReference& indexClass(Napi::Env env);

// cancel(token): the job of that token ends soon, with the code ABORTED.
void cancel(const Napi::CallbackInfo& info);

}  // namespace nestbit
