#include "job.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "../failure.h"
#include "named-errors.h"

namespace nestbit {
namespace {

struct Environment;

// Holds handles of Node-API without their C++ wrappers, whose destructors and errors end the process when they run
// while the environment ends.
struct Job {
  napi_deferred deferred = nullptr;
  std::vector<napi_ref> kept;
  Work work;
  Answer answer;
  Stop stop{0};
  uint32_t token = 0;
  Environment* environment = nullptr;
  std::string code, message;
};

struct Environment {
  napi_threadsafe_function channel = nullptr;
  std::mutex mutex;
  std::condition_variable idle;
  std::set<Job*> working;             // Jobs that threads are at.
  std::map<uint32_t, Job*> byToken;   // Jobs under way; JavaScript thread only.
  size_t pending = 0;                 // Promises not settled yet; JavaScript thread only.
  Napi::FunctionReference indexClass;
};

void fail(Job& job, const char* code, const char* message) {
  job.code = code;
  job.message = message;
}

void run(Job* job) {
  try {
    job->work(job->stop);
  } catch (const Failure& failure) {
    fail(*job, failure.code, failure.what());
  } catch (const std::bad_alloc&) {
    fail(*job, "OUT_OF_MEMORY", outOfMemory);
  } catch (const std::exception& error) {
    fail(*job, "FAISS_FAILED", error.what());
  } catch (...) {
    fail(*job, "FAISS_FAILED", "an exception that is no std::exception");
  }
  Environment* const environment = job->environment;
  // The job may be gone as soon as it is delivered, the environment once it is not working any more.
  std::lock_guard<std::mutex> lock(environment->mutex);
  environment->working.erase(job);
  // An environment that ends takes no more.
  if (napi_call_threadsafe_function(environment->channel, job, napi_tsfn_nonblocking) != napi_ok) delete job;
  environment->idle.notify_all();
}

// Null when the environment is ending and makes no more values.
napi_value makeError(napi_env env, const std::string& code, const std::string& message) {
  napi_value name, text, error;
  if (napi_create_string_utf8(env, code.data(), code.size(), &name) != napi_ok ||
      napi_create_string_utf8(env, message.data(), message.size(), &text) != napi_ok ||
      napi_create_error(env, name, text, &error) != napi_ok)
    return nullptr;
  return error;
}

// Settles the promise. In an environment that is ending, each call may fail: there is no one to tell then.
void settle(napi_env env, Job& job) {
  napi_value error = nullptr;
  if (job.code.empty()) {
    try {
      const napi_value value = job.answer(env);
      napi_resolve_deferred(env, job.deferred, value);
      return;
    } catch (const Napi::Error&) {
      bool pending = false;
      if (napi_is_exception_pending(env, &pending) == napi_ok && pending)
        napi_get_and_clear_last_exception(env, &error);
      fail(job, "FAISS_FAILED", "The result cannot be handed over.");
    } catch (const std::bad_alloc&) {
      fail(job, "OUT_OF_MEMORY", outOfMemory);
    } catch (const std::exception& failure) {
      fail(job, "FAISS_FAILED", failure.what());
    }
  }
  if (error == nullptr) error = makeError(env, job.code, job.message);
  if (error != nullptr) napi_reject_deferred(env, job.deferred, error);
}

void deliver(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  // The environment is gone.
  if (env == nullptr) return;
  auto* const environment = static_cast<Environment*>(context);
  napi_handle_scope scope = nullptr;
  napi_open_handle_scope(env, &scope);
  environment->byToken.erase(job->token);
  if (--environment->pending == 0) napi_unref_threadsafe_function(env, environment->channel);
  for (const napi_ref kept : job->kept) napi_delete_reference(env, kept);
  settle(env, *job);
  if (scope != nullptr) napi_close_handle_scope(env, scope);
}

void check(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

}  // namespace

void prepareJobs(Napi::Env env) {
  auto owned = std::make_unique<Environment>();
  Environment* const environment = owned.get();
  check(env, napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "nestbit"), 0, 1, nullptr,
                                             nullptr, environment, deliver, &environment->channel));
  check(env, napi_unref_threadsafe_function(env, environment->channel));
  env.SetInstanceData<Environment>(owned.release());
  usePool();
  // The memory that jobs work on goes with the environment: it waits for them. So do the threads, after the last
  // environment.
  env.AddCleanupHook(
      [](Environment* ending) {
        {
          std::unique_lock<std::mutex> lock(ending->mutex);
          for (Job* job : ending->working) job->stop = 1;
          ending->idle.wait(lock, [&] { return ending->working.empty(); });
        }
        leavePool();
      },
      environment);
}

Napi::Value start(Napi::Env env, uint32_t token, std::initializer_list<Napi::Value> keep, Work work, Answer answer) {
  auto* environment = env.GetInstanceData<Environment>();
  auto job = std::make_unique<Job>();
  job->environment = environment;
  job->token = token;
  job->work = std::move(work);
  job->answer = std::move(answer);
  job->kept.reserve(keep.size());
  for (const Napi::Value& value : keep) {
    if (!value.IsObject()) continue;
    napi_ref reference;
    check(env, napi_create_reference(env, value, 1, &reference));
    job->kept.push_back(reference);
  }
  napi_value promise;
  check(env, napi_create_promise(env, &job->deferred, &promise));
  if (environment->pending++ == 0) napi_ref_threadsafe_function(env, environment->channel);
  Job* const raw = job.get();
  const auto entered = [&] {
    if (token != 0) environment->byToken[token] = raw;
    std::lock_guard<std::mutex> lock(environment->mutex);
    environment->working.insert(raw);
  };
  try {
    entered();
    post([raw] { run(raw); });
  } catch (const std::exception& error) {
    const auto* failure = dynamic_cast<const Failure*>(&error);
    const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
    fail(*raw, failure != nullptr ? failure->code : memory ? "OUT_OF_MEMORY" : "FAISS_FAILED",
         memory ? outOfMemory : error.what());
    {
      std::lock_guard<std::mutex> lock(environment->mutex);
      environment->working.erase(raw);
    }
    deliver(env, nullptr, environment, job.release());
    return Napi::Value(env, promise);
  }
  job.release();
  return Napi::Value(env, promise);
}

Napi::FunctionReference& indexClass(Napi::Env env) { return env.GetInstanceData<Environment>()->indexClass; }

void cancel(const Napi::CallbackInfo& info) {
  auto* environment = info.Env().GetInstanceData<Environment>();
  const auto found = environment->byToken.find(info[0].As<Napi::Number>().Uint32Value());
  if (found != environment->byToken.end()) found->second->stop = 1;
}

}  // namespace nestbit
